// Opens a report in headless Chromium and prints what a person would see, as JSON:
// console errors, requests to anywhere else, the scoreboard's rows, and whether charts have ink.
// Usage: node browser.mjs REPORT.html SCREENSHOT.png
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const tools = process.env.PERFECT21_TOOLS;
const { chromium } = createRequire(`${tools}/`)("playwright-core");
const [report, screenshot] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: process.env.PERFECT21_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const seen = { errors: [], requests: [], schemes: {} };
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1200, height: 900 } });
    page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
    page.on("pageerror", (error) => seen.errors.push(String(error)));
    const url = pathToFileURL(report).href;
    page.on("request", (request) => request.url() !== url && seen.requests.push(request.url()));
    await page.goto(url, { waitUntil: "networkidle" });
    seen.schemes[colorScheme] = await page.evaluate(() => ({
      background: getComputedStyle(document.body).backgroundColor,
      rows: [...document.querySelectorAll("#scoreboard tbody tr")].map((row) => row.dataset.key),
      charts: [...document.querySelectorAll("svg")].map((svg) => ({
        title: svg.getAttribute("aria-label"),
        // A line or bar that covers something; text that does not stay inside the picture.
        ink: [...svg.querySelectorAll("path, rect")].some((shape) => {
          const box = shape.getBoundingClientRect();
          return box.width + box.height > 5;
        }),
        outside: [...svg.querySelectorAll("text")]
          .filter((text) => {
            const [box, frame] = [text.getBoundingClientRect(), svg.getBoundingClientRect()];
            return box.left < frame.left - 1 || box.right > frame.right + 1;
          })
          .map((text) => text.textContent),
      })),
      sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    }));
    if (colorScheme === "light" && screenshot) {
      await page.screenshot({ path: screenshot, fullPage: true });
    }
    await page.close();
  }
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
