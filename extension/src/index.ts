/** The plugins of kgfeatures; each can be disabled, `jupyter labextension disable kgfeatures:sql`. */
import { catalogue } from './plugins/catalogue';
import { core } from './plugins/core';
import { sql } from './plugins/sql';

export { IKGFeatures } from './tokens';

export default [core, catalogue, sql];
