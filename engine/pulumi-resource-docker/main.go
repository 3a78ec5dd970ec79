// Command pulumi-resource-docker is Pulumi's plugin for Docker: the upstream Terraform provider under Pulumi's
// Terraform bridge, with the type tokens and property names that the Python package pulumi_docker asks for.
//
// Pulumi's own plugin adds one resource that is not in the upstream provider, docker.Image. It is not here.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	bridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/shim"
)

// version is set by the linker to that of the installed pulumi_docker.
var version = "0.0.0-dev"

// provider describes every place where pulumi_docker departs from the bridge's naming rules.
func provider(version string) tfbridge.ProviderInfo {
	notPlural := func(name string) *tfbridge.SchemaInfo { return &tfbridge.SchemaInfo{Name: name} }
	info := tfbridge.ProviderInfo{
		P:       bridge.NewProvider(shim.New(version)),
		Name:    "docker",
		Version: version,
		Config: map[string]*tfbridge.SchemaInfo{
			"host": {Default: &tfbridge.DefaultInfo{
				EnvVars: []string{"DOCKER_HOST"},
				Value:   "unix:///var/run/docker.sock",
			}},
			"registry_auth": notPlural("registryAuth"),
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_config": {Tok: "docker:index/serviceConfig:ServiceConfig"},
			"docker_container": {
				Tok: "docker:index/container:Container",
				// A container's name and its published ports cannot be held twice.
				DeleteBeforeReplace: true,
				Fields: map[string]*tfbridge.SchemaInfo{
					"command":           notPlural("command"),
					"networks_advanced": notPlural("networksAdvanced"),
				},
			},
			"docker_image": {
				Tok: "docker:index/remoteImage:RemoteImage",
				// Without this the bridge would make up a name where none is given.
				Fields: map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}},
			},
		},
		DataSources: map[string]*tfbridge.DataSourceInfo{
			"docker_image": {Tok: "docker:index/getRemoteImage:getRemoteImage"},
		},
	}
	info.MustComputeTokens(tokens.SingleModule("docker_", "index", tokens.MakeStandard("docker")))
	info.SetAutonaming(255, "-")
	return info
}

func main() {
	// The schema is for generating packages in other languages, which nobody does from this plugin.
	tfbridge.Main("docker", version, provider(version), []byte(`{"name": "docker"}`))
}
