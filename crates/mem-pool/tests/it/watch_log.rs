//! What the watch says: levels when they change, clean-ups, and each broken file once.
#![cfg(all(feature = "watch", target_os = "linux"))]

use crate::watch_tree::Machine;
use perfect21_test_support::events::Events;

fn beginnings(events: &Events) -> Vec<String> {
    let words = |line: String| line.split(' ').take(4).collect::<Vec<_>>().join(" ");
    events.take_lines().into_iter().map(words).collect()
}

#[test]
fn levels_and_clean_ups_are_told_when_they_come() {
    let machine = Machine::new();
    let watch = machine.watch();
    let events = Events::of("perfect21");
    watch.tick();
    assert_eq!(beginnings(&events), [""; 0]);
    machine.rss(600_000_000);
    watch.tick();
    watch.tick();
    assert_eq!(beginnings(&events), ["WARN message=memory runs short", "INFO message=memory was cleaned"]);
    machine.rss(100_000_000);
    watch.tick();
    machine.pass(30);
    watch.tick();
    assert_eq!(beginnings(&events), ["INFO message=memory is less"]);
}

#[test]
fn a_broken_file_is_told_once_and_again_when_it_breaks_anew() {
    let machine = Machine::new();
    machine.write("proc/meminfo", "what");
    let watch = machine.watch();
    let events = Events::of("perfect21");
    for _ in 0..10 {
        watch.tick();
    }
    assert_eq!(beginnings(&events), ["WARN message=the memory watch"]);
    machine.available_kib(4 << 20);
    watch.tick();
    machine.write("proc/meminfo", "what");
    watch.tick();
    assert_eq!(beginnings(&events), ["WARN message=the memory watch"]);
}
