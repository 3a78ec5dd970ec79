// Command pulumi-resource-random is a plugin for the Python package pulumi_random: the few of its resources that
// this project uses, with the same tokens, properties and secrets as Pulumi's own plugin.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	bridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// version is set by the linker to that of the installed pulumi_random.
var version = "0.0.0-dev"

func provider(version string) tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:       bridge.NewProvider(randomProvider()),
		Name:    "random",
		Version: version,
	}
	info.MustComputeTokens(tokens.SingleModule("", "index", tokens.MakeStandard("random")))
	return info
}

func main() {
	// The schema is for generating packages in other languages, which nobody does from this plugin.
	tfbridge.Main("random", version, provider(version), []byte(`{"name": "random"}`))
}
