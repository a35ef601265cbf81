"""Field model and contest economics over arrays."""
