//! What the API speaks of.

use serde::{Deserialize, Serialize};

/// A registered user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// Identity in the database.
    pub id: i64,
    /// Unique name.
    pub username: String,
    /// Unique address.
    pub email: String,
}

/// What a user is registered with.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct NewUser {
    /// Unique name.
    pub username: String,
    /// Unique address.
    pub email: String,
    /// Kept only as an Argon2 hash.
    pub password: String,
}

/// What a session is opened with.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: String,
}

/// An open session; its token is sent back as `Authorization: Bearer …`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Session {
    /// 122 random bits.
    pub token: String,
}

/// Everything a product's page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProductPage {
    /// The product itself.
    pub product: Product,
    /// The latest reviews, newest first.
    pub reviews: Vec<Review>,
    /// Others of its category.
    pub related: Vec<Related>,
}

/// A product of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Product {
    /// Identity in the database.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// Where it is found in the shop.
    pub category: String,
    /// Price in cents.
    pub price_cents: i64,
    /// A few sentences.
    pub description: String,
}

/// What a user thinks of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Review {
    /// Who wrote it.
    pub username: String,
    /// From 1 to 5 stars.
    pub rating: i32,
    /// The text.
    pub body: String,
}

/// A product that a page points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Related {
    /// Identity in the database.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// Price in cents.
    pub price_cents: i64,
}

/// How many reviews of a category gave a rating.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RatingCount {
    /// The category.
    pub category: String,
    /// From 1 to 5 stars.
    pub rating: i32,
    /// How many.
    pub count: i64,
}

/// The ratings of one category, as the report shows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CategoryRatings {
    /// The category.
    pub category: String,
    /// Reviews in all.
    pub reviews: i64,
    /// Mean rating.
    pub mean: f64,
    /// Median rating.
    pub median: i32,
}

impl CategoryRatings {
    /// Computes the report from counts that are ordered by category, then rating.
    #[must_use]
    pub fn compute(counts: &[RatingCount]) -> Vec<Self> {
        counts.chunk_by(|a, b| a.category == b.category).map(Self::of_category).collect()
    }

    fn of_category(counts: &[RatingCount]) -> Self {
        let reviews: i64 = counts.iter().map(|c| c.count).sum();
        let stars: i64 = counts.iter().map(|c| c.count * i64::from(c.rating)).sum();
        let mut seen = 0;
        let median = counts.iter().find(|c| {
            seen += c.count;
            seen * 2 >= reviews
        });
        Self {
            category: counts[0].category.clone(),
            reviews,
            mean: stars as f64 / reviews as f64,
            median: median.map_or(0, |c| c.rating),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_computes_mean_and_median_per_category() {
        let count = |category: &str, rating, count| RatingCount { category: category.into(), rating, count };
        let report = CategoryRatings::compute(&[
            count("lamps", 1, 1),
            count("lamps", 5, 3),
            count("rugs", 2, 2),
            count("rugs", 3, 2),
        ]);
        assert_eq!(report.len(), 2);
        assert_eq!((report[0].reviews, report[0].mean, report[0].median), (4, 4.0, 5));
        assert_eq!((report[1].reviews, report[1].mean, report[1].median), (4, 2.5, 2));
    }
}
