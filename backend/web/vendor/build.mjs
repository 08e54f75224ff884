// Builds the vendored bundles and their licences from node_modules beside this file. `make web` runs it.
import { build } from "esbuild";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const out = process.argv[2];
const names = { vendor: "vendor.entry.js", highlight: "highlight.entry.js", uplot: "uplot.entry.js" };
const used = new Set();
for (const [name, entry] of Object.entries(names)) {
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: join(out, `${name}.js`),
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2022",
    charset: "utf8",
    legalComments: "none", // all licences are in LICENSES.txt
    alias: { "linkify-it": "./linkify.entry.js" },
    metafile: true,
  });
  for (const path of Object.keys(metafile.inputs)) {
    const parts = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (parts) used.add(parts[1]);
  }
}
writeFileSync(join(out, "uplot.css"), readFileSync("node_modules/uplot/dist/uPlot.min.css"));

const licences = [...used].sort().map((name) => {
  const folder = join("node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(basename(file))).sort();
  if (!files.length) throw new Error(`${name} has no licence file`);
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
  return `${name} ${version} (${license})\n${"=".repeat(72)}\n${texts.join("\n\n")}\n`;
});
writeFileSync(join(out, "LICENSES.txt"), licences.join("\n\n").replace(/[ \t]+$/gm, "").replace(/\r/g, ""));
