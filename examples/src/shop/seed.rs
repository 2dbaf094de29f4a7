//! Demo data: the same shop on every machine.

/// A product as it is put into the database; reviews follow from its id.
#[derive(Debug, Clone)]
pub(super) struct SeedProduct {
    pub id: i64,
    pub name: String,
    pub category: &'static str,
    pub price_cents: i64,
    pub description: String,
}

#[derive(Debug, Clone)]
pub(super) struct SeedReview {
    pub product_id: i64,
    pub user_id: i64,
    pub rating: i32,
    pub body: String,
}

pub(super) const USERS: i64 = 2000;

const CATEGORIES: [&str; 16] = [
    "armchairs",
    "beds",
    "bookcases",
    "carpets",
    "chairs",
    "clocks",
    "curtains",
    "desks",
    "lamps",
    "mirrors",
    "shelves",
    "sofas",
    "stools",
    "tables",
    "vases",
    "wardrobes",
];
const ADJECTIVES: [&str; 16] = [
    "airy", "bold", "calm", "classic", "compact", "elegant", "folding", "handmade", "light", "modern",
    "plain", "robust", "rustic", "slender", "solid", "soft",
];
const MATERIALS: [&str; 12] = [
    "ash", "bamboo", "beech", "brass", "cotton", "glass", "leather", "linen", "oak", "rattan", "steel",
    "walnut",
];
const SENTENCES: [&str; 14] = [
    "Made in a small workshop and finished by hand.",
    "Fits where others do not.",
    "Delivered assembled; two people carry it easily.",
    "The surface is oiled twice and can be renewed at home.",
    "Comes with felt pads for wooden floors.",
    "Every piece is numbered.",
    "Spare parts are kept for ten years.",
    "Goes well with the other pieces of its series.",
    "Tested for a hundred thousand movements.",
    "The colour deepens over the first year.",
    "Packed without plastic.",
    "A favourite of people who move often.",
    "Easy to clean with a damp cloth.",
    "The joints hold without a single screw.",
];

/// A stateless generator (`SplitMix64`), so that any row can be made on its own.
fn pick(row: i64, column: u64, below: usize) -> usize {
    let mut z = (row as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(column.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((z ^ (z >> 31)) % below as u64).unwrap_or(0)
}

fn text(row: i64, column: u64, sentences: usize) -> String {
    let words: Vec<&str> =
        (0..sentences as u64).map(|i| SENTENCES[pick(row, column + i, SENTENCES.len())]).collect();
    words.join(" ")
}

pub(super) fn username(user: i64) -> String {
    format!("user{user}")
}

pub(super) fn product(id: i64) -> SeedProduct {
    let category = CATEGORIES[pick(id, 1, CATEGORIES.len())];
    let adjective = ADJECTIVES[pick(id, 2, ADJECTIVES.len())];
    let material = MATERIALS[pick(id, 3, MATERIALS.len())];
    let singular = category.trim_end_matches('s');
    SeedProduct {
        id,
        name: format!("{adjective} {material} {singular} no. {id}"),
        category,
        price_cents: 990 + 100 * pick(id, 4, 2000) as i64,
        description: text(id, 10, 6 + pick(id, 5, 8)),
    }
}

pub(super) fn reviews(product_id: i64) -> impl Iterator<Item = SeedReview> {
    (0..pick(product_id, 6, 9) as i64).map(move |n| {
        let row = product_id * 16 + n;
        SeedReview {
            product_id,
            user_id: 1 + pick(row, 7, 2000) as i64,
            rating: 5 - i32::try_from(pick(row, 8, 5) * pick(row, 9, 5) / 4).unwrap_or(0),
            body: text(row, 40, 1 + pick(row, 30, 4)),
        }
    })
}
