//! Enrolment of the person who stands before the camera of a running stage.
//!
//! Looking begins when somebody has asked, never before: so nothing has to be remembered of the visitors who come by, and
//! nothing of them can get anywhere. What a frame shows is judged like a photograph; several good looks at one person are
//! taken, a moment apart.

use std::time::{Duration, Instant};

use majlis_plugin_api::{Error, Host, Result, Time, Value};

use crate::consent::today;
use crate::decision::Thresholds;
use crate::enrolment::{Admitted, Seen, admit, chosen, found};
use crate::follower::Follower;
use crate::recogniser::{Picture, Recogniser};
use crate::request::{self, Asked, Request, Told};
use crate::verbs::{Enrol, arguments};

/// Good looks at a person that are enough.
const LOOKS: usize = 3;

/// How far apart they are: two frames in a row show the same.
const APART: Duration = Duration::from_millis(200);

/// After so long those that there are have to do: some cameras give a frame now and then, and a busy machine gets through
/// few of them.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What became of a frame.
pub(crate) enum Step {
    /// It goes on; why this frame did not count, where it did not.
    Looking(Option<String>),
    /// There are good looks.
    Looked(Vec<Admitted>),
}

/// One request, as long as frames are looked at for it.
pub(crate) struct Session {
    pub(crate) request: Request,
    pub(crate) enrol: Enrol,
    looks: Vec<Admitted>,
    /// When the first frame that counted was taken, and when it was looked at: frames that wait are older than they look.
    first: (Time, Instant),
    last: Time,
}

impl Session {
    pub(crate) fn begin(request: Request) -> Result<Self> {
        let enrol = arguments(request.arguments.clone())?;
        Ok(Self { request, enrol, looks: Vec::new(), first: (Time::default(), Instant::now()), last: Time::default() })
    }

    /// Looks, at `now`, at a frame that was taken at `at`.
    pub(crate) fn look(
        &mut self,
        picture: &Picture<'_>,
        (at, now): (Time, Instant),
        thresholds: &Thresholds,
        recogniser: &mut dyn Recogniser,
    ) -> Step {
        if !self.looks.is_empty() && at.since(self.last) < APART {
            return Step::Looking(None);
        }
        let mut take = || {
            let face = chosen(found(picture, recogniser)?, self.enrol.face, Seen::Camera)?;
            admit(picture, &face, thresholds, recogniser)
        };
        let refused = match take() {
            Ok(look) => {
                self.add(look, (at, now), thresholds);
                None
            }
            // The number of a face is wrong for this frame and perhaps right for the next.
            Err(error) => Some(error.to_string()),
        };
        let enough = self.looks.len() >= LOOKS || (!self.looks.is_empty() && self.waited(at, now) >= PATIENCE);
        if enough { Step::Looked(std::mem::take(&mut self.looks)) } else { Step::Looking(refused) }
    }

    fn waited(&self, at: Time, now: Instant) -> Duration {
        let (taken, looked) = self.first;
        at.since(taken).max(now.duration_since(looked))
    }

    /// Whoever steps before the camera between two looks is another person: then it begins anew.
    fn add(&mut self, look: Admitted, (at, now): (Time, Instant), thresholds: &Thresholds) {
        if self.looks.first().is_some_and(|first| first.likeness(&look) < thresholds.match_threshold) {
            self.looks.clear();
        }
        if self.looks.is_empty() {
            self.first = (at, now);
        }
        self.last = at;
        self.looks.push(look);
    }
}

/// How long a request lies there, and is looked for.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// How much longer an answer is waited for, once a stage has taken the request.
const ANSWER: Duration = Duration::from_secs(3);

/// How often the answer is looked for.
const PAUSE: Duration = Duration::from_millis(50);

/// Leaves a request for the running stage of this name and waits for the answer. Nothing of it stays in the store unless the
/// person was enrolled.
pub(crate) fn wait(host: &Host, store: &Follower, id: &str, arguments: &Value, window: Duration) -> Result<Value> {
    let requests = store.people().requests();
    let asked = requests.ask(host.stage(), id, arguments, today() + window.as_secs().max(1))?;
    let answer = answered(host, store, &asked, window);
    match answer {
        Ok(answer) => Ok(answer),
        Err(error) => match request::erase(host, &asked) {
            Ok(()) => Err(error),
            Err(left) => {
                let what = format!("{error}; what was asked may still stand in the store's files: {left}");
                Err(if error.path().is_empty() { Error::new(what) } else { Error::config(error.path(), what) })
            }
        },
    }
}

fn answered(host: &Host, store: &Follower, asked: &Asked, window: Duration) -> Result<Value> {
    let requests = store.people().requests();
    let begun = Instant::now();
    loop {
        let taken = match requests.told(asked)? {
            Told::Answer(answer) => return answer,
            Told::Taken => true,
            Told::Untaken => false,
        };
        if begun.elapsed() >= if taken { window + ANSWER } else { window } {
            let stage = host.stage();
            let why = if taken {
                format!("the running stage `{stage}` took the request and did not answer: did the show end?")
            } else {
                format!(
                    "no running stage `{stage}` answered within {} s: a show with this pipeline must run on this machine, for \
                     the same user, and its camera must give frames",
                    window.as_secs_f64()
                )
            };
            return requests.withdraw(asked)?.unwrap_or_else(|| Err(Error::new(why)));
        }
        store.pause(PAUSE);
    }
}
