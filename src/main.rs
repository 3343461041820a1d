//! The command line: parse it, run it, and end with the exit code that it names.

use std::process::ExitCode;

fn main() -> ExitCode {
    isobar::cli::main()
}
