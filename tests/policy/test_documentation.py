from tests.policy.documentation import PAGE, page


def test_the_page_is_what_the_rules_and_mutants_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"
