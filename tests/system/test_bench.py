"""The benchmark compares like with like: a flat program that has fallen behind the components would flatter them."""

from bench.engine.same import check_same


def test_the_flat_program_makes_what_the_components_make() -> None:
    check_same()
