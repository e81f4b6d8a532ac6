"""What synthetic scenes are made of, from a polygon up to a block of a town.

::

    lots  streets           what fills a block, what lies between blocks
       props                trees, lamps, shelters, crates, roofs
       site                 a scene being laid out, its palette
    fleet                   a vehicle, planned and drawn
       cars  lorries        bodies
       pen                  shares of a vehicle's length and width
    canvas  photo  chance   polygons with heights; texture and optics; draws
"""
