use perfect21_smart_cache::Weigh;

struct Foreign;

#[derive(Weigh)]
struct Holder {
    foreign: Foreign,
}

#[derive(Weigh)]
struct Wrong {
    #[weigh(size = 5)]
    name: String,
}

#[derive(Weigh)]
union Either {
    number: u32,
    bytes: [u8; 4],
}

fn main() {}
