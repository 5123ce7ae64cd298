/** Numbers and times as text, in the language of the interface. */
import type { Cell } from './api';

/** A whole number; what the planner estimates may be none. */
export function count(value: number | null | undefined, locale: string): string {
  return value === null || value === undefined
    ? '–'
    : Math.round(value).toLocaleString(locale);
}

/** A share in [0, 1] as a percentage; what is neither 0 nor 1 is not rounded to either. */
export function percent(share: number | null | undefined, locale: string): string {
  if (share === null || share === undefined) {
    return '–';
  }
  const digits = share > 0 && share < 0.01 ? 2 : share > 0.99 && share < 1 ? 2 : 0;
  return share.toLocaleString(locale, {
    style: 'percent',
    maximumFractionDigits: digits
  });
}

/** A value of a table; times are shortened to the second, numbers kept to 6 digits. */
export function cell(value: Cell | undefined, locale: string): string {
  if (value === null || value === undefined) {
    return '–';
  }
  if (typeof value === 'number' && !Number.isInteger(value)) {
    return value.toLocaleString(locale, { maximumSignificantDigits: 6 });
  }
  return String(value);
}

/** An ISO time as local date and minute; what is no time stays as it is. */
export function moment(iso: string | null, locale: string): string {
  if (iso === null) {
    return '–';
  }
  const time = new Date(iso);
  return Number.isNaN(time.getTime())
    ? iso
    : time.toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' });
}

/** The language code that the browser's formats want: zh_CN is zh-CN to them. */
export function language(code: string): string {
  const tag = code.replace('_', '-');
  return tag === '' || tag === 'default' ? 'en' : tag;
}
