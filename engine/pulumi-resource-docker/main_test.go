package main

import "testing"

// What pulumi_docker asks for: where a token or a name differs, its resources do not work with this plugin.
func TestTokensAndNamesAreThoseOfThePythonPackage(t *testing.T) {
	info := provider("1.2.3")
	for terraform, pulumi := range map[string]string{
		"docker_buildx_builder": "docker:index/buildxBuilder:BuildxBuilder",
		"docker_config":         "docker:index/serviceConfig:ServiceConfig",
		"docker_container":      "docker:index/container:Container",
		"docker_image":          "docker:index/remoteImage:RemoteImage",
		"docker_network":        "docker:index/network:Network",
		"docker_plugin":         "docker:index/plugin:Plugin",
		"docker_registry_image": "docker:index/registryImage:RegistryImage",
		"docker_secret":         "docker:index/secret:Secret",
		"docker_service":        "docker:index/service:Service",
		"docker_tag":            "docker:index/tag:Tag",
		"docker_volume":         "docker:index/volume:Volume",
	} {
		if got := info.Resources[terraform].Tok.String(); got != pulumi {
			t.Errorf("%s is %s, but pulumi_docker asks for %s", terraform, got, pulumi)
		}
	}
	for terraform, pulumi := range map[string]string{
		"docker_image":                    "docker:index/getRemoteImage:getRemoteImage",
		"docker_logs":                     "docker:index/getLogs:getLogs",
		"docker_network":                  "docker:index/getNetwork:getNetwork",
		"docker_plugin":                   "docker:index/getPlugin:getPlugin",
		"docker_registry_image":           "docker:index/getRegistryImage:getRegistryImage",
		"docker_registry_image_manifests": "docker:index/getRegistryImageManifests:getRegistryImageManifests",
	} {
		if got := info.DataSources[terraform].Tok.String(); got != pulumi {
			t.Errorf("%s is %s, but pulumi_docker asks for %s", terraform, got, pulumi)
		}
	}
	for terraform, pulumi := range map[string]string{"command": "command", "networks_advanced": "networksAdvanced"} {
		if got := info.Resources["docker_container"].Fields[terraform].Name; got != pulumi {
			t.Errorf("docker_container's %s is %s, but pulumi_docker sends %s", terraform, got, pulumi)
		}
	}
}
