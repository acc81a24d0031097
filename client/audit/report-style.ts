/** How a periodic report looks, on screens that are light or dark, and on paper. */
export const REPORT_STYLE = `:root{color-scheme:light dark;font-family:system-ui,sans-serif;line-height:1.45;
--ink:#1c2330;--quiet:#525c6b;--line:#d5dae2;--paper:#fff;--ground:#f3f5f8;--good:#176f2c;
--k0:#2f6fb5;--k1:#c2571a;--k2:#23823f;--k3:#8c3fc4;--k4:#a67c00;--k5:#b3261e;--k6:#0b7d8a;--k7:#6b7280;--k8:#c2187a;--k9:#4a5a9c;--k10:#6a7d1a;--k11:#8a5a3c}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf1;--quiet:#9aa6b8;--line:#39424f;--paper:#1b212a;--ground:#12161c;--good:#7bd88f;
--k0:#6fa8e6;--k1:#f0955c;--k2:#6cc98a;--k3:#c79bf0;--k4:#dcb84a;--k5:#ff8a80;--k6:#5cc8d6;--k7:#a7b0bd;--k8:#f28ac4;--k9:#9aa8e6;--k10:#bccb6a;--k11:#d0a48a}}
body{margin:0;background:var(--ground);color:var(--ink)}
main{max-width:76rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{margin:0 0 .5rem;font-size:1.8rem}
h2{margin:0 0 .75rem;font-size:1.15rem}
.verdict{margin:0 0 1rem;padding:.8rem 1rem;border-inline-start:.4rem solid currentColor;border-radius:.4rem;background:var(--paper);color:var(--good);font-weight:600}
section{margin-block:1rem;padding:1rem 1.1rem;border:1px solid var(--line);border-radius:.5rem;background:var(--paper)}
dl{display:grid;grid-template-columns:fit-content(35%) minmax(0,1fr);gap:.3rem 1.5rem;margin:0}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
nav ul,.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:0;padding:0;list-style:none}
.legend{font-size:.85rem;color:var(--quiet)}
.legend svg{display:inline-block;width:.8em;margin-inline-end:.4em}
a{color:var(--k0)}
.note{margin:.5rem 0 0;color:var(--quiet);font-size:.9rem}
.wide{margin-block-start:.75rem;overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
caption{padding-block:.25rem .5rem;color:var(--quiet);text-align:start}
th,td{padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);text-align:start;vertical-align:top;overflow-wrap:break-word}
td{max-width:24rem}
.hash{display:inline-block;min-width:9.5rem;overflow-wrap:anywhere;font-size:.82em}
.moment{white-space:nowrap}
thead th{white-space:nowrap}
.number{text-align:end;white-space:nowrap}
td.leaves{color:var(--quiet);min-width:8rem}
figure{margin:0 0 1rem}
figcaption{color:var(--quiet);font-size:.9rem}
svg{display:block;width:100%}
svg text{fill:var(--quiet);font-size:11px}
pre{margin:.5rem 0 0;overflow-x:auto;font-size:.82rem}
.axis{stroke:var(--line);fill:none}
.k0{fill:var(--k0)}.k1{fill:var(--k1)}.k2{fill:var(--k2)}.k3{fill:var(--k3)}.k4{fill:var(--k4)}.k5{fill:var(--k5)}
.k6{fill:var(--k6)}.k7{fill:var(--k7)}.k8{fill:var(--k8)}.k9{fill:var(--k9)}.k10{fill:var(--k10)}.k11{fill:var(--k11)}
.line{stroke-width:2}
.line.k0{fill:none;stroke:var(--k0)}.line.k1{fill:none;stroke:var(--k1)}.line.k2{fill:none;stroke:var(--k2)}
.line.k3{fill:none;stroke:var(--k3)}.line.k4{fill:none;stroke:var(--k4)}.line.k5{fill:none;stroke:var(--k5)}
.line.k6{fill:none;stroke:var(--k6)}.line.k7{fill:none;stroke:var(--k7)}.line.k8{fill:none;stroke:var(--k8)}
.line.k9{fill:none;stroke:var(--k9)}.line.k10{fill:none;stroke:var(--k10)}.line.k11{fill:none;stroke:var(--k11)}
@media print{:root{--ground:#fff}}
`;
