use super::endpoint::Endpoint;
use std::sync::Arc;

/// The endpoints at one moment; a change makes a new set.
pub(super) struct Set<E> {
    slots: Box<[Slot<E>]>,
    /// Where weights differ: how to draw by them.
    alias: Option<Box<[Alias]>>,
}

pub(super) struct Slot<E> {
    pub(super) endpoint: Arc<Endpoint<E>>,
    pub(super) weight: f64,
}

/// Stands for its own slot with this probability, and for another one otherwise.
struct Alias {
    own: f64,
    other: usize,
}

impl<E> Slot<E> {
    /// What one more request would cost here, for an endpoint with this share of its weight.
    pub(super) fn cost(&self, share: f64) -> f64 {
        self.endpoint.cost(self.weight, share)
    }
}

impl<E> Set<E> {
    pub(super) fn new(slots: Vec<Slot<E>>) -> Self {
        let same = slots.windows(2).all(|pair| pair[0].weight == pair[1].weight);
        let alias = (!same).then(|| alias(&slots.iter().map(|slot| slot.weight).collect::<Vec<_>>()));
        Self { slots: slots.into(), alias }
    }

    pub(super) fn slots(&self) -> &[Slot<E>] {
        &self.slots
    }

    /// Two different ones of several, by their weights.
    pub(super) fn draw_two(&self) -> (&Slot<E>, &Slot<E>) {
        let (places, first) = (self.slots.len(), self.draw());
        let second = match &self.alias {
            Some(_) => Some(self.draw()).filter(|second| *second != first).unwrap_or((first + 1) % places),
            None => (first + 1 + fastrand::usize(..places - 1)) % places,
        };
        (&self.slots[first], &self.slots[second])
    }

    fn draw(&self) -> usize {
        let drawn = fastrand::usize(..self.slots.len());
        match &self.alias {
            Some(alias) if fastrand::f64() >= alias[drawn].own => alias[drawn].other,
            _ => drawn,
        }
    }
}

impl<E> Clone for Slot<E> {
    fn clone(&self) -> Self {
        Self { endpoint: Arc::clone(&self.endpoint), weight: self.weight }
    }
}

/// The table of the alias method (Vose 1991): each draw is two random numbers, however many weights there are.
#[allow(clippy::cast_precision_loss, reason = "a number of endpoints")]
fn alias(weights: &[f64]) -> Box<[Alias]> {
    let mean = weights.iter().sum::<f64>() / weights.len() as f64;
    let mut left: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..left.len()).partition(|nth| left[*nth] < 1.0);
    let mut table: Vec<Alias> = (0..left.len()).map(|nth| Alias { own: 1.0, other: nth }).collect();
    while let (Some(less), Some(more)) = (small.pop(), large.pop()) {
        table[less] = Alias { own: left[less], other: more };
        left[more] -= 1.0 - left[less];
        if left[more] < 1.0 { small.push(more) } else { large.push(more) }
    }
    table.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_weights() {
        let weights = [1.0, 2.0, 0.5, 4.0, 2.5];
        let table = alias(&weights);
        let mut shares = [0.0; 5];
        for (nth, Alias { own, other }) in table.iter().enumerate() {
            shares[nth] += own / 5.0;
            shares[*other] += (1.0 - own) / 5.0;
        }
        for (share, weight) in shares.iter().zip(weights) {
            assert!((share - weight / 10.0).abs() < 1e-9, "{shares:?}");
        }
    }
}
