/// Whether a glob pattern of Redis fits a text: `*`, `?`, `[a-z]`, `[^a]`, and `\` before what is meant literally.
pub(crate) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    // Where to go on from when what follows the last `*` does not fit; going back to earlier ones cannot help.
    let (mut at, mut from) = (0, 0);
    let mut star = None;
    while from < text.len() {
        match step(pattern, at, text[from]) {
            Step::Fits(next) => (at, from) = (next, from + 1),
            Step::Star => {
                star = Some((at + 1, from));
                at += 1;
            }
            Step::Fails => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                (at, from) = (after, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

enum Step {
    Fits(usize),
    Star,
    Fails,
}

fn step(pattern: &[u8], at: usize, byte: u8) -> Step {
    let fits = |does, next| if does { Step::Fits(next) } else { Step::Fails };
    match pattern.get(at) {
        None => Step::Fails,
        Some(b'*') => Step::Star,
        Some(b'?') => Step::Fits(at + 1),
        Some(b'\\') if at + 1 < pattern.len() => fits(pattern[at + 1] == byte, at + 2),
        Some(b'[') => {
            let (does, next) = class(pattern, at + 1, byte);
            fits(does, next)
        }
        Some(literal) => fits(*literal == byte, at + 1),
    }
}

/// Whether the class that begins at `at` has the byte, and where it ends; an open one ends with the pattern.
fn class(pattern: &[u8], mut at: usize, byte: u8) -> (bool, usize) {
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut found = false;
    while let Some(&first) = pattern.get(at) {
        match (first, pattern.get(at + 1), pattern.get(at + 2)) {
            (b']', ..) => return (found != negated, at + 1),
            (b'\\', Some(literal), _) => {
                found |= *literal == byte;
                at += 2;
            }
            (first, Some(b'-'), Some(&last)) => {
                found |= (first.min(last)..=first.max(last)).contains(&byte);
                at += 3;
            }
            (first, ..) => {
                found |= first == byte;
                at += 1;
            }
        }
    }
    (found != negated, at)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_fit_as_in_redis() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("session:*", "session:1", true),
            ("session:*", "sessions", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"[\]]", "]", true),
            ("[", "a", false),
            ("**a", "xa", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
