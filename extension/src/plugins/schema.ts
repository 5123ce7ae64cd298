/**
 * The settings' titles in the language of the interface. JupyterLab's server looks for those only
 * in its own language packs, so the texts of ours are replaced when the schema arrives.
 */
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';

const TEXTS = new Set(['title', 'description', 'jupyter.lab.setting-icon-label']);

export function translateSchema(
  registry: ISettingRegistry,
  id: string,
  trans: TranslationBundle
): void {
  registry.transform(id, {
    fetch: plugin => ({
      ...plugin,
      schema: translated(plugin.schema, text =>
        trans.__(text)
      ) as ISettingRegistry.ISchema
    })
  });
}

/** A copy of a schema with the titles and descriptions in it translated. */
export function translated(
  value: unknown,
  translate: (text: string) => string
): unknown {
  if (Array.isArray(value)) {
    return value.map(item => translated(item, translate));
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const pairs = Object.entries(value).map(([key, part]) =>
    TEXTS.has(key) && typeof part === 'string'
      ? [key, translate(part)]
      : [key, translated(part, translate)]
  );
  return Object.fromEntries(pairs);
}
