//! What `#[derive(Weigh)]` sums up.

use perfect21_smart_cache::Weigh;

#[derive(Weigh)]
struct Unit;

#[derive(Weigh)]
struct Pair<T>(T, Vec<T>);

#[derive(Weigh)]
enum Shape {
    Empty,
    Named {
        name: String,
        #[weigh(skip)]
        _shared: String,
    },
    Many(Vec<u64>, #[weigh(with = str::len)] &'static str),
}

#[test]
fn fields_of_all_shapes_are_summed_up() {
    assert_eq!(Unit.heap_size(), 0);
    assert_eq!(Pair("ab".to_owned(), vec!["cde".to_owned()]).heap_size(), 2 + 3 + size_of::<String>());
    assert_eq!(Shape::Empty.heap_size(), 0);
    assert_eq!(Shape::Named { name: "ab".to_owned(), _shared: "cdef".to_owned() }.heap_size(), 2);
    assert_eq!(Shape::Many(vec![1, 2], "four").heap_size(), 20);
}
