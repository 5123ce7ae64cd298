/** The plugins of kgfeatures; each can be disabled, `jupyter labextension disable kgfeatures:sql`. */
import { catalogue } from './plugins/catalogue';
import { core } from './plugins/core';
import { detail } from './plugins/detail';
import { entry } from './plugins/entry';
import { graph } from './plugins/graph';
import { jobs } from './plugins/jobs';
import { sql } from './plugins/sql';

export { IKGFeatures } from './tokens';

export default [core, catalogue, detail, sql, graph, jobs, entry];
