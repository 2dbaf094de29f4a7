//! The report as a page of its own: no scripts, nothing loaded, every text escaped.

use super::{
    Advice,
    check::millis,
    report::{Report, word},
};
use std::fmt::{self, Write as _};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
h1{font-size:1.5rem}article{border-left:.35rem solid #999;background:#f7f7f7;padding:.6rem 1rem;margin:1rem 0}\
article.critical{border-color:#b3261e}article.warning{border-color:#b26a00}article.info{border-color:#3366aa}\
h3{margin:0;font-size:1rem;overflow-wrap:anywhere}p{margin:.3rem 0}.tag{font-size:.8rem;color:#555}\
pre{background:#fff;border:1px solid #ddd;padding:.5rem;margin:.3rem 0;white-space:pre-wrap;overflow-wrap:anywhere}\
table{border-collapse:collapse;width:100%}td,th{padding:.2rem .5rem;text-align:left;vertical-align:top}\
td.n{text-align:right;white-space:nowrap}code{overflow-wrap:anywhere}rect.bar{fill:#3366aa}rect.rest{fill:#ddd}\
@media(prefers-color-scheme:dark){body{background:#1c1c1e;color:#eee}article{background:#2a2a2d}.tag{color:#aaa}\
pre{background:#1c1c1e;border-color:#444}rect.rest{fill:#444}rect.bar{fill:#7aa5e6}}";

pub(super) fn page(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut page, report);
    page
}

fn write(page: &mut String, report: &Report) -> fmt::Result {
    let database = Text(report.database());
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Advice for {database}</title><style>{STYLE}</style></head><body>\n\
         <h1>Advice for the database {database}</h1>\n<p>PostgreSQL {}: {}; looked for {:.1?}.</p>\n",
        report.version(),
        report.counts(),
        report.took()
    )?;
    shares(page, report)?;
    page.push_str("<h2>Findings</h2>\n");
    if report.advice().is_empty() {
        page.push_str("<p>None.</p>\n");
    }
    for advice in report.advice() {
        article(page, advice)?;
    }
    for (check, count) in report.left_out() {
        writeln!(page, "<p>{count} more of {check}</p>")?;
    }
    page.push_str("</body></html>\n");
    Ok(())
}

/// Each statement with a bar of its share.
fn shares(page: &mut String, report: &Report) -> fmt::Result {
    let shares = report.shares();
    if shares.is_empty() {
        return Ok(());
    }
    page.push_str(
        "<h2>Where the time goes</h2>\n<table><tr><th>share</th><th></th><th>calls</th><th>mean</th><th>statement</th></tr>\n",
    );
    for share in shares {
        let percent = share.share * 100.0;
        writeln!(
            page,
            "<tr><td class=\"n\">{percent:.1} %</td><td><svg width=\"120\" height=\"14\" role=\"img\" \
             aria-label=\"{percent:.1} %\"><rect class=\"rest\" width=\"120\" height=\"14\"/><rect class=\"bar\" \
             width=\"{:.1}\" height=\"14\"/></svg></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td><code>{}</code></td></tr>",
            share.share.clamp(0.0, 1.0) * 120.0,
            share.calls,
            millis(share.mean_ms),
            Text(&share.text)
        )?;
    }
    page.push_str("</table>\n");
    Ok(())
}

fn article(page: &mut String, advice: &Advice) -> fmt::Result {
    let severity = word(advice.severity);
    write!(
        page,
        "<article class=\"{severity}\"><h3>{}: {}</h3><p class=\"tag\">{severity}, confidence {}; key <code>{}</code></p>\
         <p style=\"white-space:pre-wrap\">{}</p><p>{}</p>",
        advice.check.replace('_', " "),
        Text(&advice.object),
        advice.confidence,
        Text(&advice.key),
        Text(&advice.evidence),
        Text(&advice.advice)
    )?;
    if let Some(gain) = &advice.gain {
        write!(page, "<p>Gain: {}</p>", Text(gain))?;
    }
    for (title, statements) in [("Fix", &advice.fix), ("Undo", &advice.undo)] {
        if !statements.is_empty() {
            write!(page, "<p class=\"tag\">{title}</p><pre>{};</pre>", Text(&statements.join(";\n")))?;
        }
    }
    page.push_str("</article>\n");
    Ok(())
}

/// A text that stays one.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perfect21_core::Severity;
    use std::{collections::BTreeMap, time::Instant};

    #[test]
    fn hostile_names_stay_text() {
        let hostile = "<script>alert(1)</script>\"'&";
        let advice = Advice::new("unused_index", hostile, Severity::Critical)
            .evidence(hostile)
            .advice(hostile)
            .gain(hostile)
            .fix(hostile)
            .undo(hostile);
        let left_out = BTreeMap::from([("unused_index", 3)]);
        let report = Report::new(hostile.into(), 150_018, vec![advice], left_out, None, Instant::now());
        let page = report.to_html();
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;").count(), 9);
        assert!(page.contains("PostgreSQL 15.18: 1 critical, 0 warning, 0 info"));
        assert!(page.contains("3 more of unused_index"));
        assert!(report.to_string().contains("CRITICAL unused_index:"));
    }
}
