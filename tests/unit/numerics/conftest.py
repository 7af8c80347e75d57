from shapes import check_shapes

check_shapes("relabel.types", "relabel.numerics")
