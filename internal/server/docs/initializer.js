// External, because the page's Content-Security-Policy allows no inline script.

// Swagger UI would fill optional parameters in with their examples, and a list would find nothing.
const startEmpty = () => ({
  statePlugins: { spec: { wrapActions: { updateJsonSpec: (update) => (spec) => {
    const inline = Object.values(spec.paths ?? {}).flatMap(Object.values).flatMap((operation) => operation.parameters ?? []);
    for (const p of [...Object.values(spec.components?.parameters ?? {}), ...inline]) {
      if (p.in && !p.required && p.schema?.default === undefined) p.example = "";
    }
    return update(spec);
  } } } },
});

window.ui = SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#swagger-ui",
  plugins: [startEmpty],
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
