"""How the patches of a scene are worked through."""
