//! A face that was turned upright, and how sharp it is.

/// A face turned upright as its recogniser wants it: 8 bits a channel, R, G, B, rows from top to bottom without a gap.
#[derive(Clone, PartialEq, Eq)]
pub struct Crop {
    /// `3 * width * height` bytes.
    pub rgb: Vec<u8>,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
}

impl Crop {
    /// How sharp it is: the variance of the Laplacian of its brightness over the variance of the brightness, so that a dark
    /// or flat picture counts like a bright one. 0 of a picture without detail, and of one below 3 px.
    #[must_use]
    pub fn sharpness(&self) -> f32 {
        let (width, height) = (self.width as usize, self.height as usize);
        let grey: Vec<f32> = self
            .rgb
            .chunks_exact(3)
            .map(|rgb| 0.299 * f32::from(rgb[0]) + 0.587 * f32::from(rgb[1]) + 0.114 * f32::from(rgb[2]))
            .collect();
        if width < 3 || height < 3 || grey.len() != width * height {
            return 0.0;
        }
        let (mut laplacian, mut brightness) = (Variance::default(), Variance::default());
        for y in 1..height - 1 {
            for x in 1..width - 1 {
                let at = y * width + x;
                laplacian.see(grey[at - 1] + grey[at + 1] + grey[at - width] + grey[at + width] - 4.0 * grey[at]);
                brightness.see(grey[at]);
            }
        }
        let spread = brightness.get();
        if spread < 1.0 { 0.0 } else { (laplacian.get() / spread) as f32 }
    }
}

// Not derived: a picture of a face must not get into a log by way of `{:?}`.
impl std::fmt::Debug for Crop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crop({} x {} px)", self.width, self.height)
    }
}

#[derive(Default)]
struct Variance {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Variance {
    fn see(&mut self, value: f32) {
        let value = f64::from(value);
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn get(&self) -> f64 {
        let mean = self.sum / self.count;
        self.squares / self.count - mean * mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stripes of `wide` px whose brightness differs by `contrast`.
    fn stripes(wide: usize, contrast: u8) -> Crop {
        let rgb = (0..112 * 112)
            .flat_map(|at| [if (at % 112 / wide).is_multiple_of(2) { 20 } else { 20 + contrast }; 3])
            .collect();
        Crop { rgb, width: 112, height: 112 }
    }

    #[test]
    fn fine_detail_is_sharper_than_coarse_whatever_the_contrast() {
        assert!(stripes(2, 100).sharpness() > 2.0 * stripes(8, 100).sharpness());
        assert!((stripes(4, 200).sharpness() - stripes(4, 20).sharpness()).abs() < 0.01);
    }

    #[test]
    fn a_picture_without_detail_or_size_has_no_sharpness() {
        assert_eq!(stripes(4, 0).sharpness(), 0.0);
        assert_eq!(Crop { rgb: vec![0; 6], width: 2, height: 1 }.sharpness(), 0.0);
        assert_eq!(Crop { rgb: vec![0; 5], width: 112, height: 112 }.sharpness(), 0.0);
    }
}
