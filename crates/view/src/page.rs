//! The shell of a page: one file, without anything from elsewhere.

use crate::markup::escape;
use crate::metrics::Against;
use crate::plot::{FONT, rules};

const SCRIPT: &str = include_str!("readout.js");

/// A whole page around a body that is well-formed XML.
pub(crate) fn page(title: &str, body: &str) -> String {
    let style = format!("{}{}", rules(), page_rules());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{}</title>\n\
         <style>\n{style}\n</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         <div id=\"readout\" hidden=\"hidden\" aria-hidden=\"true\"></div>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        escape(title)
    )
}

fn page_rules() -> String {
    format!(
        "body{{margin:0;background:#fff;color:#222;font:15px/1.5 {FONT}}}\
         main{{max-width:1080px;margin:0 auto;padding:16px}}\
         h1{{font-size:22px;margin:8px 0}}h2{{font-size:18px;margin:28px 0 8px}}\
         .quiet{{color:#555}}.right{{color:#00704f;font-weight:600}}\
         .wrong{{color:#b23c00;font-weight:600}}\
         code,pre{{font-family:ui-monospace,Consolas,'DejaVu Sans Mono',monospace;font-size:13px}}\
         pre{{overflow-x:auto;padding:8px;border:1px solid #ddd}}code{{overflow-wrap:anywhere}}\
         .plots{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));\
         gap:20px}}figure{{margin:0;min-width:0}}\
         .wide{{grid-column:1/-1;max-width:820px}}summary{{cursor:pointer}}\
         figure svg{{display:block;width:100%;height:auto;touch-action:pan-y}}\
         .scroll{{overflow-x:auto}}table{{border-collapse:collapse;white-space:nowrap}}\
         th,td{{padding:4px 10px;text-align:right;border-bottom:1px solid #ddd;\
         font-variant-numeric:tabular-nums}}th{{font-weight:600}}\
         th:first-child,td:first-child{{text-align:left}}\
         .maps{{display:flex;flex-wrap:wrap;align-items:flex-start;gap:20px;margin:12px 0}}\
         .maps figure svg{{width:auto;max-width:100%}}h3{{font-size:15px;margin:16px 0 4px}}\
         .said{{font-size:16px;overflow-wrap:anywhere;margin:4px 0}}\
         .runs{{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:4px 18px;margin:8px 0}}\
         .runs li{{overflow-wrap:anywhere}}.runs svg{{margin-right:7px;vertical-align:middle}}\
         .runs path{{stroke-width:3.5}}\
         .axes{{display:inline;color:#555;margin-right:8px}}\
         input[type=radio]+label{{margin-right:14px}}.plots{{margin-top:12px}}{}\
         .cursor{{stroke:#888;stroke-dasharray:3 3}}\
         #readout{{position:fixed;pointer-events:none;background:#fff;border:1px solid #999;\
         border-radius:4px;padding:4px 8px;font-size:13px;max-width:70vw;z-index:2}}\
         #readout div{{overflow-wrap:anywhere}}\
         #readout span{{display:inline-block;width:12px;height:4px;margin-right:6px;\
         vertical-align:middle}}\
         @media (prefers-color-scheme:dark){{body{{background:#16181c;color:#e8e8e8}}\
         .quiet,.axes{{color:#b0b4ba}}.right{{color:#3ddba6}}.wrong{{color:#ff9a5c}}\
         pre,th,td{{border-color:#3a3f47}}#readout{{background:#23262c;border-color:#6a7078}}}}",
        axis_rules()
    )
}

/// Of each figure's pictures only the one against the chosen axis is seen.
fn axis_rules() -> String {
    let mut rules = String::new();
    for chosen in Against::ALL {
        for other in Against::ALL.into_iter().filter(|other| *other != chosen) {
            let (chosen, other) = (chosen.word(), other.word());
            rules.push_str(&format!("#by-{chosen}:checked~.plots .by-{other}{{display:none}}"));
        }
    }
    rules
}
