//! `rain`: the toolkit's command line over weather.

use std::process::ExitCode;

fn main() -> ExitCode {
    mlops_cli::run(&rain::Rain, std::env::args_os())
}
