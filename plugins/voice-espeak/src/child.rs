//! One run of the program: a text goes in, sound comes out, and no process is left behind.

use std::io::{self, Read, Write};
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;

use majlis_voice::Stop;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use shared_child::SharedChild;

/// More than this of what it says about its sound is left out.
const MOST_ASIDE: usize = 1 << 20;

/// A child that is ended when this is dropped, on whichever path, or when nobody wants what it makes any more.
pub(crate) struct Child {
    process: Arc<SharedChild>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    aside: Vec<u8>,
}

impl Child {
    /// Starts it and gives it its text.
    pub(crate) fn start(command: &mut Command, text: &str, stop: &Stop) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = Arc::new(SharedChild::spawn(command)?);
        let (stdin, stdout, stderr) = (process.take_stdin(), process.take_stdout(), process.take_stderr());
        let ends = Arc::clone(&process);
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(io::Error::other("a child has the pipes that it was started with"));
        };
        let child = Self { process, stdout, stderr, aside: Vec::new() };
        // It may be over already; then there is nobody to end.
        stop.then(move || drop(ends.kill()));
        match stdin.write_all(text.as_bytes()) {
            // It ended without reading: its status says more than this.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(child),
        }
    }

    /// Waits for its end, after its sound has ended. Gives how it ended, and what it said beside the sound.
    pub(crate) fn end(mut self) -> io::Result<(ExitStatus, Vec<u8>)> {
        let mut rest = [0; 4096];
        while self.read(&mut rest)? > 0 {}
        if let Some(mut stderr) = self.stderr.take() {
            stderr.read_to_end(&mut self.aside)?;
        }
        let status = self.process.wait()?;
        Ok((status, std::mem::take(&mut self.aside)))
    }

    /// What it has said beside the sound.
    fn listen_aside(&mut self) -> io::Result<()> {
        let Some(stderr) = &mut self.stderr else { return Ok(()) };
        let mut bytes = [0; 4096];
        let read = stderr.read(&mut bytes)?;
        if read == 0 {
            self.stderr = None;
        } else if self.aside.len() < MOST_ASIDE {
            self.aside.extend_from_slice(&bytes[..read]);
        }
        Ok(())
    }
}

/// Its sound. What it says beside it is read meanwhile: a full pipe would stop the child, and both would wait for ever.
impl Read for Child {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let (sound, aside) = {
                let mut pipes = vec![PollFd::new(&self.stdout, PollFlags::IN)];
                pipes.extend(self.stderr.as_ref().map(|stderr| PollFd::new(stderr, PollFlags::IN)));
                retry_on_intr(|| poll(&mut pipes, None))?;
                let ready = |at: usize| pipes.get(at).is_some_and(|pipe| !pipe.revents().is_empty());
                (ready(0), ready(1))
            };
            if aside {
                self.listen_aside()?;
            }
            if sound {
                return self.stdout.read(buffer);
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Neither does anything to a child that was waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
