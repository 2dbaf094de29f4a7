//! Wrong uses do not compile, and the compiler says at the right place what would be right.

#[test]
fn wrong_uses_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
