package deploy_test

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// manifest is what the tests read of the manifests; deploy/lint knows their schemas.
type manifest struct {
	Data       map[string]string
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		Replicas int
		Template struct {
			Spec struct {
				Grace           int `yaml:"terminationGracePeriodSeconds"`
				SecurityContext struct {
					RunAsUser string `yaml:"runAsUser"`
				} `yaml:"securityContext"`
				Containers []struct {
					Ports []struct {
						Name string
						Port string `yaml:"containerPort"`
					}
					Liveness  probe `yaml:"livenessProbe"`
					Readiness probe `yaml:"readinessProbe"`
					Lifecycle struct {
						PreStop struct{ Exec struct{ Command []string } } `yaml:"preStop"`
					}
					Resources    struct{ Limits struct{ Memory string } }
					VolumeMounts []struct {
						MountPath string `yaml:"mountPath"`
					} `yaml:"volumeMounts"`
				}
			}
		}
	}
}

type probe struct {
	Get struct{ Path, Port string } `yaml:"httpGet"`
}

func loadManifest(t *testing.T, name string) (m manifest) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, "kubernetes/"+name)), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// kubernetesConfig loads the ConfigMap's configuration as a pod does, with the Secret as
// its environment.
func kubernetesConfig(t *testing.T) *config.File {
	t.Helper()
	secret := loadManifest(t, "secret.yaml").StringData
	used := map[string]bool{}
	file, err := config.Parse("thumbedge.toml", []byte(loadManifest(t, "configmap.yaml").Data["thumbedge.toml"]), func(name string) (string, bool) {
		value, ok := secret[name]
		used[name] = true
		return value, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range secret {
		if !used[name] {
			t.Errorf("the configuration does not use the Secret's %s", name)
		}
	}
	return file
}

// TestKubernetesFits: what the Deployment says fits the configuration and the image.
func TestKubernetesFits(t *testing.T) {
	t.Parallel()
	file, pod := kubernetesConfig(t), loadManifest(t, "deployment.yaml").Spec.Template.Spec
	container := pod.Containers[0]
	for _, port := range container.Ports {
		if want := map[string]string{"http": file.Server.Listen, "admin": file.Server.Admin.Listen}[port.Name]; want != "0.0.0.0:"+port.Port {
			t.Errorf("port %s is %s, the configuration listens on %q", port.Name, port.Port, want)
		}
	}
	if container.Liveness.Get.Path != "/healthz" || container.Readiness.Get.Path != "/readyz" || container.Liveness.Get.Port != "admin" || container.Readiness.Get.Port != "admin" {
		t.Errorf("the probes are %+v and %+v", container.Liveness, container.Readiness)
	}
	if user := "USER " + pod.SecurityContext.RunAsUser + "\n"; !strings.Contains(read(t, "Dockerfile"), user) {
		t.Errorf("the image does not have %q", user)
	}
	if at := container.VolumeMounts[0].MountPath; !strings.Contains(read(t, "Dockerfile"), "THUMBEDGE_CONFIG="+at+"/thumbedge.toml\n") {
		t.Errorf("the image does not look for its configuration in %s", at)
	}
	stop := container.Lifecycle.PreStop.Exec.Command
	wait, err := time.ParseDuration(stop[1] + "s")
	if grace := file.Server.ShutdownGrace; err != nil || stop[0] != "sleep" || wait+grace >= time.Duration(pod.Grace)*time.Second {
		t.Errorf("preStop %v and shutdown_grace %v leave nothing of %d s", stop, grace, pod.Grace)
	}
}

// TestMemoryFormula: containers get the memory that the runbook's formula asks for.
func TestMemoryFormula(t *testing.T) {
	t.Parallel()
	file := kubernetesConfig(t)
	const mib = 1 << 20
	need := file.Memory()
	if need != 1332*mib || !strings.Contains(read(t, "RUNBOOK.md"), "that is 1332 MiB") {
		t.Errorf("the formula gives %d MiB, the runbook says 1332", need/mib)
	}
	limit := loadManifest(t, "deployment.yaml").Spec.Template.Spec.Containers[0].Resources.Limits.Memory
	if limit != "1536Mi" || need > 1536*mib || !strings.Contains(read(t, "compose.yaml"), "mem_limit: 1536m ") {
		t.Errorf("the limit is %s, %d MiB are needed", limit, need/mib)
	}
}
