"""What synthetic scenes are made of, from a polygon up to a block of a town.

::

    lots  streets            what fills a block, what lies between blocks
    homes  parking           houses with gardens, car parks
       clutter               which things stand about, how large and where
       furniture  stands     low things, things with a roof of their own
       stairs  marks         holes in the pavement, paint and patches on the ground
       roofs  rooftop        buildings, and what stands on them
       props  ground         trees, hedges, lamps; surfaces
       skyline               shadows of towers out of view
       site  lot             a scene being laid out, its palette; a rectangle of it
    fleet                    a vehicle, planned and drawn
       cars  vans  lorries   bodies
       pen                   shares of a vehicle's length and width
    footprint                what a thing takes of the ground
    canvas  photo  chance    polygons with heights; texture and optics; draws
"""
