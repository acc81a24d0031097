/** An update as it leaves, or would: its size, its form before and after each step, and what can be learnt of it. */

import type { Egress, Histogram } from '../../../schemas/egress.ts';
import { bytesText, numberText } from '../amounts.ts';
import { texts } from '../texts/language.ts';

export function EgressView({ what }: { readonly what: Egress }) {
  const t = texts.value.egress;
  const norm = numberText(what.norm);
  return (
    <>
      <dl>
        <dt>{t.job}</dt>
        <dd>{`${what.jobName}, ${texts.value.live.ofRound(what.round)}`}</dd>
        <dt>{t.size}</dt>
        <dd>{bytesText(what.bytes)}</dd>
        <dt>{t.parameters}</dt>
        <dd>{what.parameters}</dd>
        <dt>{t.norm}</dt>
        <dd>{what.isClipped ? t.clipped(norm, numberText(what.clipNorm)) : norm}</dd>
        <dt>{t.step}</dt>
        <dd>{numberText(what.step)}</dd>
        <dt>{t.learns}</dt>
        <dd>{t.visibleAs[what.visibleAs]}</dd>
      </dl>
      <Bars name={t.before} histogram={what.before} />
      <Bars name={t.after} histogram={what.clipped} />
      <Bars name={t.quantised} histogram={what.quantised} />
    </>
  );
}

function Bars({ name, histogram }: { readonly name: string; readonly histogram: Histogram }) {
  const { counts, least, greatest } = histogram;
  const highest = Math.max(1, ...counts);
  const range = texts.value.egress.histogram(numberText(least), numberText(greatest));
  return (
    <figure>
      <svg
        role="img"
        aria-label={`${name}. ${range}`}
        viewBox={`0 0 ${counts.length} 10`}
        preserveAspectRatio="none"
      >
        {counts.map((count, i) => {
          const height = (10 * count) / highest;
          return <rect key={i} x={i + 0.05} y={10 - height} width={0.9} height={height} />;
        })}
      </svg>
      <figcaption>
        {name}. {range}
      </figcaption>
    </figure>
  );
}
