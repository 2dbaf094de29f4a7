//! Wrong uses do not compile, by `trybuild`, which runs cargo: the compiler points at the place and says what is right.

#[test]
fn wrong_uses_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
