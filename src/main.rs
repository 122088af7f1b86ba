//! The `lockscope` program; everything it does is in the library.

fn main() -> std::process::ExitCode {
    lockscope::cli::main()
}
