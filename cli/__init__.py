"""The command line of geovehicle: each command parses, calls the library, writes and reports."""
