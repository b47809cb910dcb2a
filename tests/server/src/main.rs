//! Runs the test server by hand: `majlis-test-server [PORT] [ANSWER]`. ANSWER is what the model says; speech is a tone.
//! It says where it listens and goes on until it is ended.
#![forbid(unsafe_code)]

use std::io::Write as _;

use majlis_test_server::Server;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(0);
    let server = Server::builder().port(port).start();
    if let Some(answer) = arguments.next() {
        server.says(answer);
    }
    writeln!(std::io::stdout(), "{}", server.base_url())?;
    loop {
        std::thread::park();
    }
}
