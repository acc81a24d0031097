/** What a job would compute and send, in plain words. Names and purposes come from its author, and are shown as text. */
import { bytesText, numberText } from '../amounts.ts';
import type { Description } from '../consent.ts';
import { texts } from '../texts/language.ts';

export function JobTerms({ job }: { readonly job: Description['jobs'][number] }) {
  const t = texts.value.consent;
  const clip = job.isClipAdaptive ? t.clipAtFirst : t.clip;
  const clipped = job.privacyUnit === 'example' || job.privacyUnit === 'person' ? t.clipEach : clip;
  const promise = job.privacy?.trustsCoordinator ? t.trustingPromise : t.promise;
  return (
    <article>
      <h3>{job.name}</h3>
      <ul>
        <li>{t.purpose(job.purpose)}</li>
        <li>{t.job(job.rounds, job.parameters)}</li>
        <li>{t.sent(bytesText(job.updateBytes))}</li>
        <li>{clipped(numberText(job.clipNorm))}</li>
        <li>{t.visibleAs[job.visibleAs]}</li>
        <li>{t.unit[job.privacyUnit]}</li>
        {job.privacy && <li>{promise(job.privacy.epsilon, job.privacy.delta)}</li>}
      </ul>
    </article>
  );
}
