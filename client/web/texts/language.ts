/** The language of the page: as the browser prefers, until somebody chooses another. */
import { computed, signal } from '@preact/signals';
import { EN, type Texts } from './en.ts';
import { ZH } from './zh.ts';

export type Language = 'en' | 'zh';

export const LANGUAGES: Readonly<Record<Language, { readonly name: string; readonly texts: Texts }>> = {
  en: { name: 'English', texts: EN },
  zh: { name: '中文', texts: ZH },
};

/** @param preferred BCP 47 tags, best first */
export function languageOf(preferred: readonly string[]): Language {
  const known = preferred.map((tag) => tag.toLowerCase().split('-')[0]);
  return known.find((tag): tag is Language => tag === 'en' || tag === 'zh') ?? 'en';
}

export const language = signal<Language>(
  languageOf(typeof navigator === 'undefined' ? [] : (navigator.languages ?? [])),
);
export const texts = computed<Texts>(() => LANGUAGES[language.value].texts);
