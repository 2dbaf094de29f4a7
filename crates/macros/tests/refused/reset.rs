use perfect21_mem_pool::Reset;

#[derive(Reset)]
enum State {
    Idle,
}

#[derive(Reset)]
struct Unknown {
    #[reset(keep)]
    text: String,
}

#[derive(Reset)]
struct Twice {
    #[reset(skip, default)]
    text: String,
}

#[derive(Reset)]
#[reset(default)]
struct Unheard {
    #[reset(skip)]
    text: String,
}

fn main() {}
