//! How often a camera's picture is taken.

use std::time::Duration;

use tokio::time::Instant;

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

    /// How many pictures of a camera are taken in ten seconds.
    fn taken(camera: f64, fps: f64) -> usize {
        let (start, mut pace) = (Instant::now(), Pace::new(fps));
        let mut taken = 0;
        for picture in 0..(camera * 10.0) as u32 {
            let now = start + Duration::from_secs_f64(f64::from(picture) / camera);
            if pace.due().is_none_or(|due| due <= now) {
                pace.took(now);
                taken += 1;
            }
        }
        taken
    }

    #[test]
    fn the_rate_is_kept_whatever_the_cameras_is_and_never_exceeded() {
        assert_eq!(taken(30.0, 10.0), 100);
        assert_eq!(taken(24.0, 10.0), 100);
        assert_eq!(taken(15.0, 2.0), 20);
        assert_eq!(taken(5.0, 10.0), 50, "more than there are cannot be taken");
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
