//! The `tallymark` binary. Everything is in the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    tallymark::main()
}
