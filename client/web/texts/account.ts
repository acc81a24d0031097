/** What the page of an account says, in each language. */
import type { PersonRole } from '../../../schemas/person.ts';
import type { Language } from './language.ts';

export interface AccountTexts {
  readonly title: string;
  readonly language: string;
  readonly byLink: string;
  readonly linkOnce: string;
  readonly byPasskey: string;
  readonly signedInAs: string;
  readonly role: string;
  readonly roles: Readonly<Record<PersonRole, string>>;
  readonly organisation: string;
  readonly until: string;
  readonly addFirst: string;
  readonly addPasskey: string;
  readonly passkeys: string;
  readonly added: string;
  readonly sessions: string;
  readonly thisOne: string;
  readonly methods: { readonly passkey: string; readonly link: string };
  readonly end: string;
  readonly signOut: string;
  readonly wrong: string;
  readonly unknown: string;
  readonly tryAgain: string;
}

export const ACCOUNT_TEXTS: Readonly<Record<Language, AccountTexts>> = {
  en: {
    title: 'Sign in',
    language: 'Language',
    byLink: 'Sign in with the link',
    linkOnce: 'The link that brought you here works once.',
    byPasskey: 'Sign in with a passkey',
    signedInAs: 'Signed in as',
    role: 'Role',
    roles: { operator: 'operator', partner: 'partner', researcher: 'researcher', auditor: 'auditor' },
    organisation: 'Organisation',
    until: 'Until at most',
    addFirst: 'Add a passkey now: the link does not work again.',
    addPasskey: 'Add a passkey',
    passkeys: 'Passkeys',
    added: 'added',
    sessions: 'Sessions',
    thisOne: 'this one',
    methods: { passkey: 'by a passkey', link: 'by a link' },
    end: 'End',
    signOut: 'Sign out',
    wrong: 'That did not work',
    unknown: 'Something went wrong in this page.',
    tryAgain: 'Load the page again.',
  },
  zh: {
    title: '登录',
    language: '语言',
    byLink: '用链接登录',
    linkOnce: '您打开的链接只能使用一次。',
    byPasskey: '用通行密钥登录',
    signedInAs: '当前用户',
    role: '角色',
    roles: { operator: '运营者', partner: '合作方', researcher: '研究者', auditor: '审计者' },
    organisation: '组织',
    until: '最迟至',
    addFirst: '请现在添加通行密钥：此链接不能再次使用。',
    addPasskey: '添加通行密钥',
    passkeys: '通行密钥',
    added: '添加于',
    sessions: '会话',
    thisOne: '当前会话',
    methods: { passkey: '通过通行密钥', link: '通过链接' },
    end: '结束',
    signOut: '退出登录',
    wrong: '操作未成功',
    unknown: '页面内部出错。',
    tryAgain: '请重新加载页面。',
  },
};
