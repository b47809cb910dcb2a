//! Servers over TLS.
//!
//! Which certificates a system trusts, a variable of the process says, so another process with another value does the pull:
//! this test itself.

use std::fs;
use std::process::Command;

use crate::fixture::{Machine, bytes, single};
use crate::server::{Act, Server};

const URL: &str = "MAJLIS_TEST_URL";

/// How a pull from this address ends in a process that trusts this certificate.
fn pulled(test: &str, url: &str, trusted: &str) -> String {
    let machine = Machine::new();
    let certificate = machine.write("trusted.pem", trusted.as_bytes());
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &format!("encryption::{test}")])
        .env("SSL_CERT_FILE", certificate)
        .env_remove("SSL_CERT_DIR")
        .env(URL, url)
        .output()
        .unwrap();
    let told = String::from_utf8(child.stdout).unwrap();
    let ended = told.lines().find_map(|line| line.split_once("ended: "));
    ended.unwrap_or_else(|| panic!("{told}\n{}", String::from_utf8_lossy(&child.stderr))).1.to_owned()
}

/// In the other process: pulls, and says how it ended.
fn pulls() -> bool {
    let Ok(url) = std::env::var(URL) else { return false };
    let machine = Machine::new();
    let ended = match machine.pull(&single(&bytes(1, 500), &url)) {
        Ok(pulled) => fs::read(pulled.folder.join("d.onnx")).unwrap().len().to_string(),
        Err(error) => format!("{}: {error}", error.code()),
    };
    println!("ended: {ended}");
    true
}

#[test]
fn a_server_is_believed_whose_certificate_the_system_trusts() {
    if pulls() {
        return;
    }
    let test = "a_server_is_believed_whose_certificate_the_system_trusts";
    let (server, certificate) = Server::encrypted(|_, _| Act::Serve(bytes(1, 500), "v1"));
    assert_eq!(pulled(test, &server.url("d.onnx"), &certificate), "500");
    let (_, another) = Server::encrypted(|_, _| Act::status("404 Not Found", ""));
    let error = pulled(test, &server.url("d.onnx"), &another);
    assert!(error.starts_with("M0306: https://localhost"), "{error}");
    let error = pulled(test, &server.url("d.onnx"), "");
    assert!(error.starts_with("M0306"), "{error}");
    assert_eq!(server.seen().len(), 1, "nothing was asked of a server that is not believed");
    // A mirror without encryption needs no certificates; the bytes are compared all the same.
    let plain = Server::new(|_, _| Act::Serve(bytes(1, 500), "v1"));
    assert_eq!(pulled(test, &plain.url("d.onnx"), ""), "500");
}

#[test]
fn a_redirection_does_not_lead_out_of_encryption() {
    if pulls() {
        return;
    }
    let test = "a_redirection_does_not_lead_out_of_encryption";
    let plain = Server::new(|_, _| Act::Serve(bytes(1, 500), "v1"));
    let location = format!("Location: {}\r\n", plain.url("d.onnx"));
    let (server, certificate) = Server::encrypted(move |_, _| Act::status("302 Found", &location));
    let error = pulled(test, &server.url("d.onnx"), &certificate);
    assert!(error.starts_with("M0305") && error.contains("out of https"), "{error}");
    assert_eq!((server.seen().len(), plain.seen().len()), (1, 0));
}
