//! How often a camera's picture is taken.

use std::time::Duration;

use tokio::time::Instant;

/// So long before a picture is wanted the next one may be held already: the distance between two pictures of a usual camera, and a
/// little more. At most half of the time between two that are wanted.
const AHEAD: Duration = Duration::from_millis(40);

/// Lets through so many pictures a second: the newest when it is time, and none to make up for those that were missed.
#[derive(Debug)]
pub(crate) struct Pace {
    period: Duration,
    next: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(fps: f64) -> Self {
        Self { period: Duration::from_secs_f64(1.0 / fps), next: None }
    }

    /// Until when no picture is worth holding: one that comes from then on may be the newest when it is time.
    pub(crate) fn rests_until(&self) -> Option<Instant> {
        self.next.map(|next| next - AHEAD.min(self.period / 2))
    }

    /// From when on the next picture is wanted; none: at once.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// A picture was taken.
    pub(crate) fn took(&mut self, now: Instant) {
        // By the beat and not by the picture, or a camera of 30 would give 7.5 where 10 are wanted; anew after a pause.
        let beat = self.next.filter(|next| now < *next + self.period).unwrap_or(now);
        self.next = Some(beat + self.period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pictures of a camera are taken in ten seconds, and the age of the oldest of them, ms. Each comes up to `jitter`
    /// before or after its beat.
    fn taken(camera: f64, fps: f64, jitter: Duration) -> (usize, u128) {
        let (start, mut pace) = (Instant::now() + Duration::from_secs(1), Pace::new(fps));
        let beat = Duration::from_secs_f64(1.0 / camera);
        let (mut taken, mut oldest, mut held) = (0, Duration::ZERO, None);
        let mut pictures = (0..(camera * 10.0) as u32).map(|picture| {
            let at = start + beat * picture;
            // Late, early, on time.
            [at + jitter, at - jitter, at][picture as usize % 3]
        });
        let mut next = pictures.next();
        while let Some(came) = next {
            // What is held is taken when it is time, unless a newer one came before.
            if let (Some(from), Some(due)) = (held, pace.due())
                && due <= came
            {
                (taken, oldest, held) = (taken + 1, oldest.max(due - from), None);
                pace.took(due);
                continue;
            }
            next = pictures.next();
            match (pace.rests_until(), pace.due()) {
                (Some(rests), _) if came < rests => {}
                (_, Some(due)) if came < due => held = Some(came),
                _ => {
                    taken += 1;
                    pace.took(came);
                }
            }
        }
        (taken, oldest.as_millis())
    }

    #[test]
    fn the_rate_is_kept_whatever_the_cameras_is_and_never_exceeded_and_what_is_taken_is_fresh() {
        let still = Duration::ZERO;
        for (camera, fps, wanted) in
            [(30.0, 10.0, 100), (24.0, 10.0, 100), (15.0, 2.0, 20), (10.0, 10.0, 100), (10.0, 5.0, 50)]
        {
            for jitter in [still, Duration::from_millis(15)] {
                let (taken, oldest) = taken(camera, fps, jitter);
                assert!(taken >= wanted - 1 && taken <= wanted + 1, "{taken} of {wanted}: {camera}, {fps}, {jitter:?}");
                assert!(oldest <= 40, "{oldest} ms old: {camera}, {fps}, {jitter:?}");
            }
        }
        assert_eq!(taken(5.0, 10.0, still).0, 50, "more than there are cannot be taken");
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let (start, mut pace) = (Instant::now(), Pace::new(10.0));
        pace.took(start);
        let back = start + Duration::from_secs(60);
        pace.took(back);
        assert_eq!(pace.due(), Some(back + Duration::from_millis(100)));
    }
}
