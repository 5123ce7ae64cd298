import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['lib', 'build', 'node_modules', '*.mjs'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-function-return-type': [
        'error',
        { allowExpressions: true }
      ],
      '@typescript-eslint/naming-convention': [
        'error',
        {
          selector: 'interface',
          format: ['PascalCase'],
          custom: { regex: '^I[A-Z]', match: true }
        }
      ],
      'max-depth': ['error', 4],
      'max-lines': ['error', 400],
      complexity: ['error', 12],
      curly: 'error',
      eqeqeq: 'error',
      'no-restricted-properties': [
        'error',
        {
          property: 'innerHTML',
          message: 'What comes from data is text: use textContent.'
        },
        {
          property: 'outerHTML',
          message: 'What comes from data is text: use textContent.'
        },
        { property: 'insertAdjacentHTML', message: 'What comes from data is text.' }
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'What comes from data is text.'
        },
        {
          selector: 'JSXText[value=/[A-Za-z]{2}/]',
          message: 'What people read goes through trans.__().'
        },
        {
          selector:
            'JSXAttribute[name.name=/^(title|placeholder|aria-label|label|caption)$/] > Literal',
          message: 'What people read goes through trans.__().'
        }
      ]
    }
  }
);
