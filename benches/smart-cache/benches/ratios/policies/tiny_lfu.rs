use super::{Policy, Recency, recency};

/// A window before a segmented LRU of which four fifths are protected, and a frequency sketch that lets in: `TinyLFU`,
/// *A Highly Efficient Cache Admission Policy*, Einziger, Friedman and Manes, 2017. No hill climbing.
pub(crate) struct TinyLfu {
    window_capacity: usize,
    main_capacity: usize,
    protected_capacity: usize,
    window: Recency,
    probation: Recency,
    protected: Recency,
    sketch: Sketch,
}

impl TinyLfu {
    /// With a window of so many percent.
    pub(crate) fn new(capacity: usize, percent: usize) -> Self {
        let window_capacity = (capacity * percent / 100).max(1);
        let main_capacity = capacity - window_capacity;
        Self {
            window_capacity,
            main_capacity,
            protected_capacity: main_capacity * 4 / 5,
            window: recency(),
            probation: recency(),
            protected: recency(),
            sketch: Sketch::new(capacity),
        }
    }

    fn admit(&mut self, candidate: u64) {
        if self.probation.len() + self.protected.len() < self.main_capacity {
            self.probation.push(candidate, ());
            return;
        }
        let Some((victim, ())) = self.probation.pop_lru().or_else(|| self.protected.pop_lru()) else {
            return;
        };
        let stays = if self.sketch.of(candidate) > self.sketch.of(victim) { candidate } else { victim };
        self.probation.push(stays, ());
        if stays == victim {
            // It was the next to leave, and is again.
            self.probation.demote(&victim);
        }
    }
}

impl Policy for TinyLfu {
    fn request(&mut self, key: u64) -> bool {
        self.sketch.count(key);
        if self.window.get(&key).is_some() || self.protected.get(&key).is_some() {
            return true;
        }
        if self.probation.pop(&key).is_some() {
            if self.protected.len() >= self.protected_capacity.max(1)
                && let Some((demoted, ())) = self.protected.pop_lru()
            {
                self.probation.push(demoted, ());
            }
            self.protected.push(key, ());
            return true;
        }
        if self.window.len() == self.window_capacity
            && let Some((candidate, ())) = self.window.pop_lru()
        {
            self.admit(candidate);
        }
        self.window.push(key, ());
        false
    }
}

/// Four rows of counts to fifteen, halved after ten requests for each entry.
struct Sketch {
    rows: [Vec<u8>; 4],
    counted: usize,
    sample: usize,
}

impl Sketch {
    fn new(capacity: usize) -> Self {
        let width = capacity.next_power_of_two().max(16);
        Self { rows: [(); 4].map(|()| vec![0; width]), counted: 0, sample: capacity * 10 }
    }

    fn places(&self, key: u64) -> [usize; 4] {
        let mask = self.rows[0].len() - 1;
        const SEEDS: [u64; 4] =
            [0xC3A5_C85C_97CB_3127, 0xB492_B66F_BE98_F273, 0x9AE1_6A3B_2F90_404F, 0xCBF2_9CE4_8422_2325];
        SEEDS.map(|seed| {
            let mixed = (key ^ seed).wrapping_mul(seed);
            ((mixed ^ mixed >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as usize & mask
        })
    }

    fn of(&self, key: u64) -> u8 {
        self.rows.iter().zip(self.places(key)).map(|(row, place)| row[place]).min().unwrap_or(0)
    }

    fn count(&mut self, key: u64) {
        let places = self.places(key);
        for (row, place) in self.rows.iter_mut().zip(places) {
            row[place] = (row[place] + 1).min(15);
        }
        self.counted += 1;
        if self.counted >= self.sample {
            self.counted /= 2;
            self.rows.iter_mut().flatten().for_each(|count| *count /= 2);
        }
    }
}
