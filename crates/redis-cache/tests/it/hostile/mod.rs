//! Whatever others write under our keys, and whatever keys, names and tags are made of.

mod envelope;
mod names;
mod places;
mod trap;
mod values;
