//! rain
fn main() {}
