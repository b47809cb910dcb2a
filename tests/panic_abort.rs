//! A plugin that aborts on panic could end the host, so it does not compile.

use std::process::Command;

#[test]
fn a_plugin_that_aborts_on_panic_is_a_compile_error_that_says_why() {
    // Only the plugin itself is built so; what it depends on is there already.
    let output = Command::new(env!("CARGO"))
        .args(["rustc", "--quiet", "--offline", "--locked", "-p", "majlis-identity", "--lib", "--crate-type", "cdylib"])
        .args(["--", "-C", "panic=abort"])
        .current_dir(majlis_tests::root())
        .output()
        .expect("cargo can be started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "a plugin was built that aborts on panic");
    assert!(told.contains("a Majlis plugin must unwind") && told.contains("remove it from the profile"), "{told}");
}
