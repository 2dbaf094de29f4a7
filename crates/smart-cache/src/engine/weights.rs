//! Weights in four bytes an entry. The few that need more stand in a list beside, one slot each.

/// Set in the number of a slot.
const HEAVY: u32 = 1 << 31;

#[derive(Default)]
pub(crate) struct Weights {
    heavy: Vec<u64>,
    free: Vec<u32>,
}

impl Weights {
    pub(crate) fn pack(&mut self, weight: u64) -> u32 {
        match u32::try_from(weight) {
            Ok(light) if light < HEAVY => light,
            _ => self.pack_heavy(weight),
        }
    }

    #[cold]
    fn pack_heavy(&mut self, weight: u64) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.heavy[slot as usize] = weight;
            return slot | HEAVY;
        }
        self.heavy.push(weight);
        // There are fewer slots than entries, and fewer of these than 2^31 in a shard.
        (self.heavy.len() - 1) as u32 | HEAVY
    }

    /// The weight; its slot, if it had one, is free for another.
    pub(crate) fn release(&mut self, packed: u32) -> u64 {
        if packed & HEAVY == 0 {
            return u64::from(packed);
        }
        let slot = packed & !HEAVY;
        self.free.push(slot);
        self.heavy[slot as usize]
    }

    pub(crate) fn of(&self, packed: u32) -> u64 {
        if packed & HEAVY == 0 { u64::from(packed) } else { self.heavy[(packed & !HEAVY) as usize] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_comes_back_and_slots_are_used_again() {
        let mut weights = Weights::default();
        for round in 0..3 {
            let all = [0, 1, (1 << 31) - 1, 1 << 31, u64::from(u32::MAX), u64::MAX - round];
            let packed = all.map(|weight| weights.pack(weight));
            assert_eq!(packed.map(|packed| weights.of(packed)), all);
            assert_eq!(packed.map(|packed| weights.release(packed)), all);
        }
        assert_eq!(weights.heavy.len(), 3);
    }
}
