export default { optimizeDeps: { exclude: ["chartroom"] } };
