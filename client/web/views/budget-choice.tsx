/** What all jobs together may cost, as the person decides it, and what an earlier visit has left of it. */
import { numberText } from '../amounts.ts';
import { type Consent, type Description, type TabUnit, usualBudget } from '../consent.ts';
import { texts } from '../texts/language.ts';

const UNITS: readonly TabUnit[] = ['example', 'participant'];

export function BudgetChoice({ description }: { readonly description: Description }) {
  const t = texts.value.budget;
  const kept = description.budget;
  const { epsilon, delta, unit } = kept ?? usualBudget(description);
  return (
    <fieldset>
      <legend>{t.heading}</legend>
      <p>{t.means}</p>
      {kept && <p>{t.kept(numberText(kept.spent), numberText(kept.left))}</p>}
      <label>
        {t.epsilon}{' '}
        <input
          type="number"
          name="epsilon"
          min="0.000001"
          max="1000000"
          step="any"
          defaultValue={`${epsilon}`}
        />
      </label>
      <label>
        {t.delta}{' '}
        <input
          type="number"
          name="delta"
          min="1e-30"
          max="0.1"
          step="any"
          required
          defaultValue={`${delta}`}
        />
      </label>
      <label>
        {t.unit}{' '}
        <select name="unit" defaultValue={unit}>
          {(kept ? [unit] : UNITS).map((one) => (
            <option key={one} value={one} selected={one === unit}>
              {t.units[one]}
            </option>
          ))}
        </select>
      </label>
    </fieldset>
  );
}

/** None where epsilon is empty. */
export function budgetIn(fields: FormData): Pick<Consent, 'budget'> {
  const number = (name: string) => Number(fields.get(name) || Number.NaN);
  const [epsilon, delta] = [number('epsilon'), number('delta')];
  if (!(epsilon > 0 && delta > 0)) return {};
  return {
    budget: { epsilon, delta, unit: fields.get('unit') === 'participant' ? 'participant' : 'example' },
  };
}
